"""What programs declare, and some statements say, as records: data, things, members, reals."""
