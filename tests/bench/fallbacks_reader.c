/* The load of `fallbacks.py`: clients of any carrier, as cheap as they can be.
 *
 *   fallbacks_reader PORT COUNT FILE [poll]
 *       Open COUNT sockets to 127.0.0.1:PORT and send FILE up to its first empty line; what follows that (a WebSocket's
 *       subscription) is sent when the answer's head has come. As a "poll" each answer is read whole, and its cursor
 *       goes into the next request, in place of the CURSOR in FILE; the first request has none.
 *       A line carries the moment it was written as "at=MS ". Prints "ready" when each client has seen one, then
 *       counts, until standard input closes: "lines X bytes Y closed Z p50_ms P p99_ms Q".
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LATE_MAX 20000 /* tenths of a ms */
#define ROOM 16384     /* an answer of a poll; some lines */

struct client {
    int fd;
    char has_head, has_seen;
    size_t used;
    char buffer[ROOM + 1];
};

static void die(const char *what) { perror(what); exit(1); }

static double wall_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static int open_one(int port) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    if (fd < 0) die("socket");
    if (connect(fd, (struct sockaddr *)&to, sizeof to)) die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

static void say(int fd, const char *what, size_t bytes) {
    if (write(fd, what, bytes) != (ssize_t)bytes) die("write");
}

static char said[1 << 16];
static size_t said_bytes, head_bytes;
static long lines, bytes, closed_count, late[LATE_MAX + 1];

/* FILE's head with the cursor, or without the word. */
static void ask(struct client *c, const char *cursor, int cursor_bytes) {
    char request[ROOM];
    char *place = memmem(said, head_bytes, "CURSOR", 6);
    int before = place ? (int)(place - said) : (int)head_bytes, after = place ? (int)head_bytes - before - 6 : 0;
    int size = snprintf(request, sizeof request, "%.*s%.*s%.*s", before, said, cursor_bytes, cursor, after,
                        place ? place + 6 : "");
    say(c->fd, request, (size_t)size);
}

/* Counts the lines in what came; the number of them. */
static int count(const char *data, size_t size) {
    int found = 0;
    const char *at = data, *end = data + size;
    while ((at = memmem(at, (size_t)(end - at), "at=", 3))) {
        at += 3;
        char *stop;
        double when = strtod(at, &stop);
        if (stop >= end || *stop != ' ') continue;
        double tenths = (wall_ms() - when) * 10;
        late[tenths < 0 ? 0 : tenths > LATE_MAX ? LATE_MAX : (long)tenths]++;
        found++;
    }
    lines += found;
    return found;
}

static int polled(struct client *c) {
    char *head_end = strstr(c->buffer, "\r\n\r\n");
    if (!head_end) return 0;
    char *length = strcasestr(c->buffer, "content-length: ");
    if (!length || length > head_end) die("an answer without its length");
    size_t size = (size_t)strtol(length + 16, NULL, 10);
    char *body = head_end + 4;
    if (c->used < (size_t)(body - c->buffer) + size) return 0;
    int found = count(body, size);
    char *cursor = strstr(body, "\"cursor\":\"");
    if (!cursor) { fprintf(stderr, "%.*s\n", (int)size, body); die("an answer without a cursor"); }
    cursor += 10;
    ask(c, cursor, (int)(strchr(cursor, '"') - cursor));
    c->used = 0;
    return found;
}

static int streamed(struct client *c) {
    if (!c->has_head) {
        if (!memmem(c->buffer, c->used, "\r\n\r\n", 4)) return 0;
        c->has_head = 1;
        if (said_bytes > head_bytes) say(c->fd, said + head_bytes, said_bytes - head_bytes);
    }
    int found = count(c->buffer, c->used);
    c->used = 0;
    return found;
}

static void tell(void) {
    long below = 0, p50 = -1, p99 = -1;
    for (long i = 0; i <= LATE_MAX && p99 < 0; i++) {
        below += late[i];
        if (p50 < 0 && below * 2 >= lines) p50 = i;
        if (below * 100 >= lines * 99) p99 = i;
    }
    printf("lines %ld bytes %ld closed %ld p50_ms %.1f p99_ms %.1f\n", lines, bytes, closed_count, p50 / 10.0, p99 / 10.0);
}

int main(int argc, char **argv) {
    if (argc < 4) return 2;
    int port = atoi(argv[1]), clients_count = atoi(argv[2]), is_poll = argc > 4;
    FILE *f = fopen(argv[3], "rb");
    if (!f) die(argv[3]);
    said_bytes = fread(said, 1, sizeof said, f);
    fclose(f);
    head_bytes = (size_t)((char *)memmem(said, said_bytes, "\r\n\r\n", 4) - said) + 4;
    int poll = epoll_create1(0), waiting = clients_count, is_ready = 0;
    struct client *clients = calloc((size_t)clients_count, sizeof *clients);
    struct epoll_event event = {.events = EPOLLIN};
    for (int i = 0; i < clients_count; i++) {
        clients[i].fd = open_one(port);
        ask(&clients[i], "", 0);
        fcntl(clients[i].fd, F_SETFL, O_NONBLOCK);
        event.data.u32 = (uint32_t)i;
        epoll_ctl(poll, EPOLL_CTL_ADD, clients[i].fd, &event);
    }
    event.data.u32 = UINT32_MAX;
    epoll_ctl(poll, EPOLL_CTL_ADD, 0, &event);
    for (;;) {
        if (!waiting && !is_ready) {
            is_ready = 1;
            printf("ready\n");
            fflush(stdout);
            /* What the warm-up still brings is not counted: the benchmark waits, then says "count". */
        }
        struct epoll_event events[1024];
        int n = epoll_wait(poll, events, 1024, -1);
        for (int e = 0; e < n; e++) {
            if (events[e].data.u32 == UINT32_MAX) {
                char word[64];
                if (read(0, word, sizeof word) <= 0) return tell(), 0;
                lines = bytes = 0;
                memset(late, 0, sizeof late);
                continue;
            }
            struct client *c = &clients[events[e].data.u32];
            ssize_t got = read(c->fd, c->buffer + c->used, ROOM - c->used);
            if (got <= 0) {
                if (got < 0 && errno == EAGAIN) continue;
                closed_count++;
                epoll_ctl(poll, EPOLL_CTL_DEL, c->fd, NULL);
                continue;
            }
            bytes += got;
            c->used += (size_t)got;
            c->buffer[c->used] = 0;
            int found = is_poll ? polled(c) : streamed(c);
            if (found && !c->has_seen) {
                c->has_seen = 1;
                waiting--;
            }
        }
        /* As in fanout_reference.c: no wake-up for each frame while a round is written. */
        if (is_ready) usleep(1000);
    }
}
