"""Agencies' side: assign by the pack's table, then accept, return, transfer, ask for more, reply, check, publish."""
