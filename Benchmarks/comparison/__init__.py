"""The comparison benchmark, part by part. `Benchmarks/compare.py` is the command.

processes   start, stop, and what /proc says of a process tree and of the machine
backend     the one backend behind every proxy, and its count of what reached it
gateway     an installation of Passerelle: client, consents, tokens; its ledger and usage afterwards
peers       the other proxies: their configuration, what each does and does not do
calls       single calls: which tokens each proxy takes and refuses
load        wrk (closed loop) and latency.lua (one connection, or a fixed rate)
disk        what one flush of the same disk costs
scenarios   what is measured, and one measurement of it with its checks
report      tables, ratios, targets
"""
