"""Parts of scripts/reproduce_blogs.py."""
