"""Compares recipes with the scripts that the posts were made from, step by step."""
