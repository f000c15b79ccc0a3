"""The demo's control room: headquarters' live page beside what each box on site says itself, the mails that went out,
and handles to pull the cloud or the broker. Served by the supervisor's own process, so it outlives what is pulled.
"""
