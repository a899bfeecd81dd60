"""What does each recipe draw at the end of its training?"""
