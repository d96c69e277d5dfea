"""Other processes and machines that take a share of the work.

Any `concurrent.futures.Executor` is a door to them. Above: the driver, which sends replicas of a
search, and the language, which sends questions. Below: nothing of inference. Invariant: what
workers do not bring back, nobody waits for; the assignments they bring back are scored again.
"""
