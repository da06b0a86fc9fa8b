"""redis-py against a running server. Port: the first argument. Package: python3-redis."""
import sys

import redis

port = int(sys.argv[1])


def rejects(text, call):
    try:
        call()
    except redis.exceptions.RedisError as error:
        assert text in str(error), f"{error} instead of {text}"
    else:
        raise AssertionError(f"no error, but {text} was due")


client = redis.Redis(port=port, db=2, client_name="redis-py-test", decode_responses=True,
                     health_check_interval=1)
client.flushall()
assert client.ping()
assert client.set("key", "värde", ex=100)
assert client.get("key") == "värde" and client.get("none") is None
assert 90 < client.ttl("key") <= 100
assert client.set("key", "x", nx=True) is None
assert client.set("key", "x", get=True) == "värde"
assert client.client_getname() == "redis-py-test"
assert client.mget("key", "none") == ["x", None]
assert client.info()["redis_version"].startswith("7.")
assert client.info("keyspace")["db2"]["keys"] == 1
assert client.config_get("maxmemory*")["maxmemory"] == "0"
assert client.config_set("hz", 11) and client.config_get("hz") == {"hz": "11"}
assert client.command_count() > 50 and "get" in client.command()
assert client.client_info()["name"] == "redis-py-test"
assert any(each["name"] == "redis-py-test" for each in client.client_list())
assert client.slowlog_len() >= 0 and isinstance(client.slowlog_get(), list)
assert client.memory_usage("key") > 0 and "total.allocated" in client.memory_stats()
assert client.object("encoding", "key") == "embstr"
assert client.lcs("key", "key") == "x" if hasattr(client, "lcs") else True

pipeline = client.pipeline(transaction=False)
for i in range(10000):
    pipeline.set(f"many:{i}", i)
assert pipeline.execute() == [True] * 10000
assert len(set(client.scan_iter("many:*", count=500))) == 10000

rejects("value is not an integer", lambda: client.incr("key"))
rejects("unknown command", lambda: client.execute_command("NOSUCH"))
rejects("invalid username-password pair", lambda: redis.Redis(
    port=port, username="default", password="x").execute_command("AUTH", "nobody", "x"))

# The connection is cut; the next command opens a new one.
own = client.client_id()
client.client_kill_filter(_id=own, skipme=False)
assert client.get("key") == "x"
print("redis-py: all well")
