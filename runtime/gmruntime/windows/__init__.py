"""Places joined by windows, without tables of pairs: exact where they are forests.

Above: the policy. Below: graphs, kinds, and the compiled rules of two places. Invariant: a value
of a forest is exact; where windows go round in circles there are bounds, proved by leaving out or
by sharing out what is there, and assignments that are scored again.
"""
