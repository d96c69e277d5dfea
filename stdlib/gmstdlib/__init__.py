"""The standard library of gmlang: modules written in the language, documented by strings."""
