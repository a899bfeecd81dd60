"""Draws combinations of features, and checks what must hold for each of them.

Defects that tests of one feature miss lie where two features meet. `combinations` has the table of features and draws
from it, `scene` sets up the files of a combination and starts its commands, and `invariants` has what must hold.
"""
