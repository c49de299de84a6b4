"""Layouts of points: one row a point, shower by shower."""
