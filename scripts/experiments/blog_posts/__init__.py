"""Can the numbers that the blog posts published be reproduced?"""
