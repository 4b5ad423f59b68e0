"""Runs the recorded calls of a conversation again in a fresh box and compares what comes out.

What is stored is never changed: `normalise` only compares. docs/replay.md says what it proves.
"""
