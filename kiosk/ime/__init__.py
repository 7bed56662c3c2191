"""Pinyin for the on-screen keyboard."""
