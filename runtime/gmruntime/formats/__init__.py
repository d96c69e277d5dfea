"""Reading and writing graphs in the field's file formats. Every bad input is a FormatError."""
