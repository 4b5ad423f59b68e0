"""What trainers read: labels and positions of packed rows, and adapters, one file a trainer.

Imported inside trainers' environments: nothing but the adapter itself imports its trainer.
"""
