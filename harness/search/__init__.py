"""The search of ``mode: search``: what an arm may be set to, and which setting is proposed next."""
