"""Messages about what is done, decided and imagined."""
