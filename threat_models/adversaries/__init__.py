"""Adversaries as programs: a server that lies, and clients that work with it, against real clients and a real server.

`evil_server` plans a session as an honest server would, `deviations` (with `on_keys` and `on_inputs`) bend the plan,
`wire` remembers what passes, and the leakage oracle judges it. `evil_clients` lie to an honest server. Every decision
comes from `choices`. `hunt` plays one session after the other; `defenses` names what may be taken away meanwhile.
"""
