/* hiredis against a running server: pipeline, types, errors. Port: the first argument. */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void need(int holds, const char* what) {
  if (holds) return;
  fprintf(stderr, "hiredis: %s\n", what);
  exit(1);
}

static void check(redisContext* context, const char* format, const char* arg, int type,
                  const char* text) {
  redisReply* reply = redisCommand(context, format, arg);
  need(reply != NULL, context->errstr);
  need(reply->type == type, format);
  if (text != NULL) need(strcmp(reply->str, text) == 0, reply->str);
  freeReplyObject(reply);
}

static void pipeline(redisContext* context) {
  enum { kMany = 10000 };
  for (int i = 0; i < kMany; ++i) redisAppendCommand(context, "INCR n");
  for (int i = 1; i <= kMany; ++i) {
    redisReply* reply = NULL;
    need(redisGetReply(context, (void**)&reply) == REDIS_OK, context->errstr);
    need(reply->type == REDIS_REPLY_INTEGER && reply->integer == i, "pipelined INCR");
    freeReplyObject(reply);
  }
}

int main(int count, char** args) {
  need(count == 2, "usage: with_hiredis PORT");
  redisContext* context = redisConnect("127.0.0.1", atoi(args[1]));
  need(context != NULL && context->err == 0, "no connection");
  check(context, "FLUSHALL%s", "", REDIS_REPLY_STATUS, "OK");
  check(context, "SET key %s", "value", REDIS_REPLY_STATUS, "OK");
  check(context, "GET %s", "key", REDIS_REPLY_STRING, "value");
  check(context, "GET %s", "none", REDIS_REPLY_NIL, NULL);
  check(context, "INCR %s", "key", REDIS_REPLY_ERROR,
        "ERR value is not an integer or out of range");
  check(context, "MGET key %s", "none", REDIS_REPLY_ARRAY, NULL);
  pipeline(context);
  redisFree(context);
  puts("hiredis: all well");
  return 0;
}
