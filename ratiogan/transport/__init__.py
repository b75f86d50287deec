"""Wasserstein-1: its value, its critic, and what certifies both."""
