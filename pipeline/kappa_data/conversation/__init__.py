"""The loop between user, assistant and tools: one coroutine a slot, everything journalled."""
