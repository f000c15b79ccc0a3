"""Tariffs as data: versions that never change, published to every facility they price."""
