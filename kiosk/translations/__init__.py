"""English beside the Chinese: ``en/LC_MESSAGES/messages.po``; the Chinese text itself is the key."""
