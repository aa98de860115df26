"""What the library promises of every gateway: the embedded one, in process and over HTTP, and in
live mode (``make test-live``) a real one.

Nothing here may assume the embedded one: indexes may lag, sequences have gaps, words differ.
"""
