"""Values from outside: files, arrays, lists and words, read by the type that a program declares."""
