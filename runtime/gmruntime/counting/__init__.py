"""Sums beyond elimination: a search over partial states that splits, remembers and learns.

Above: policy asks it where elimination does not fit. Below: networks of tables, orders of
elimination. Always: a value that is called exact was added up to its last part.
"""
