"""Parking and charging sessions, money taken on site and the site's power: what events make of them."""
