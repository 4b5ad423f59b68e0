"""The tools that ship, one file each, found by this folder; docs/tools.md says what a tool file is.

A file is read by `tool_file` and runs in the box alone, in a process of its own for each call.
"""
