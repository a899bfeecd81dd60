"""Experiments that train networks and measure them."""
