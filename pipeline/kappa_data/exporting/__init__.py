"""One file a target of `kappa-data export`: what a trainer wants instead of packed rows.

A module's docstring says in its first line for whom it is. It defines VERSION (raised with what it
writes), TABLES (a config of `load_dataset` -> the record of its rows; the first is the default),
`records(row)`, which yields (table, record) for one packed row, and USE, the README's words on how
to load it. A module whose name starts with an underscore is no target.
"""
