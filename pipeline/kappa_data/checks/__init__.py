"""One file a check: `RULES` and `check(conversation, facts)`, a pure function that yields findings.

A module whose name starts with an underscore is no check. Another package adds one by an entry
point of the group `kappa_data.checks` that names a module of the same form.
"""
