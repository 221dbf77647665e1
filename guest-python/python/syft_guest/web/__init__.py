"""HTTP for clients that know nothing of the sandbox.

Their sockets speak HTTP/1.1 with us, and `wasi:http` does the rest: `sockets` stands for
`socket`, `tls` for `ssl`, `wire` reads and writes what goes over a socket, and `exchange` is one
request with its answer.
"""
