"""What each form of expression means, and its type: one file for each family of forms.

`forms.py` knows them all and is the only one that imports them; a form that has parts asks the
state of the check (`gmlang.core.checking`) for theirs. Above: the checks of statements. Below:
names.
"""
