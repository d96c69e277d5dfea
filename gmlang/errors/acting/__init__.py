"""Messages about what is done, decided, called and imagined."""
