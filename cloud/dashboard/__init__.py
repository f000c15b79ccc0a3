"""Headquarters' live page: every facility at a glance, drawn by the server, kept current by one stream of HTML."""
