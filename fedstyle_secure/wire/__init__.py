"""What an artist's agent and a platform agree on: routes, bodies, sizes, certificates.

Both sides import it; it keeps nothing.
"""
