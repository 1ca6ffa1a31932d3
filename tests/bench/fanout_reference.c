/* The reference and the load of `fanout.py`.
 *
 *   fanout_reference send COUNT FRAME_BYTES ROUNDS INTERVAL_MS
 *       Accept COUNT sockets on a free port (printed as "port N"), then ROUNDS times write one frame to each with a
 *       bare send() loop, INTERVAL_MS apart. Prints "us_per_send X": CPU time, user and system, of the loops.
 *       A frame begins with the time at which its round began, for the reader's figures.
 *
 *   fanout_reference read PORT COUNT FILE STOPPED [storm]
 *       Open COUNT sockets to 127.0.0.1:PORT. With a FILE ("-": none), first send its bytes (a WebSocket handshake, and
 *       after its answer a subscription). Prints "ready" when each socket has got bytes (or is open, without a FILE),
 *       then reads and discards what comes, with epoll. A "bench-000" in FILE becomes one of a hundred hosts.
 *       Lines on standard input: "report" prints "bytes X reads Y closed Z p50_ms P p99_ms Q" of the time since the
 *       last one: how late frames were after the moment that stands in them, sockets that have stopped left out. "stop"
 *       reads the first STOPPED sockets no more, "on" goes on with them, and "fresh" prints "fresh N max_ms M": how
 *       many of them have got the last tick's frame (less than 1.1 s old), and the longest that took. The end of standard
 *       input is a last report.
 *       As a "storm" all handshakes are sent before the first answer is read, and a socket is ready when samples came.
 *       When the server has died and closed all of them, they come back in the same way as soon as somebody listens on
 *       the port: "again X" is the time in s from the first that could connect until all are ready.
 *
 * As cheap as a load can be, so that what is measured is the sender.
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
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* In a frame the moment of its tick follows these bytes, as a little-endian float64: a MessagePack key and a bin of 8.
 * With many hosts the bin is longer: another byte, and two of length. */
#define MARK "\xa7time_ms\xc4\x08"
#define KEY "\xa7time_ms"
#define LATE_MAX 20000 /* tenths of a ms */
#define FRESH_MS 1100   /* the frame of the last tick, a second apart */

static void die(const char *what) { perror(what); exit(1); }

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static double wall_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static double cpu_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void sleep_until(double when) {
    double left = when - now_s();
    if (left > 0) usleep((useconds_t)(left * 1e6));
}

static int send_mode(int count, int bytes, int rounds, int interval_ms) {
    int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof at;
    if (bind(listener, (struct sockaddr *)&at, sizeof at) || listen(listener, 4096)) die("listen");
    getsockname(listener, (struct sockaddr *)&at, &length);
    printf("port %d\n", ntohs(at.sin_port));
    fflush(stdout);
    int *sockets = malloc(sizeof(int) * (size_t)count);
    for (int i = 0; i < count; i++) {
        sockets[i] = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
        if (sockets[i] < 0) die("accept");
        setsockopt(sockets[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    }
    char *frame = calloc(1, (size_t)bytes);
    memcpy(frame, MARK, sizeof MARK - 1);
    double spent = 0, next = now_s() + 1;
    long sent = 0;
    for (int round = 0; round < rounds; round++, next += interval_ms / 1e3) {
        sleep_until(next);
        double when = wall_ms(), before = cpu_s();
        memcpy(frame + sizeof MARK - 1, &when, sizeof when);
        for (int i = 0; i < count; i++)
            if (send(sockets[i], frame, (size_t)bytes, MSG_NOSIGNAL) == bytes) sent++;
        spent += cpu_s() - before;
    }
    printf("us_per_send %.4f\n", spent / (double)sent * 1e6);
    return 0;
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

static size_t handshake_of(const char *hello, size_t bytes) {
    return (size_t)((char *)memmem(hello, bytes, "\r\n\r\n", 4) - hello) + 4;
}

static void knock(int fd, const char *hello, size_t bytes) {
    size_t handshake = handshake_of(hello, bytes);
    if (write(fd, hello, handshake) != (ssize_t)handshake) die("write");
}

/* The handshake's answer, then what follows it: no client may send a frame before the answer. */
static void greet(int fd, char *hello, size_t bytes, int number) {
    size_t handshake = handshake_of(hello, bytes);
    char answer[4096], digits[4], *host = memmem(hello, bytes, "bench-0", 7);
    size_t got = 0;
    if (host) {
        snprintf(digits, sizeof digits, "%03d", number % 100);
        memcpy(host + 6, digits, 3);
    }
    while (got < 4 || memcmp(answer + got - 4, "\r\n\r\n", 4)) {
        if (got == sizeof answer || read(fd, answer + got, 1) != 1) die("handshake");
        got++;
    }
    if (bytes > handshake && write(fd, hello + handshake, bytes - handshake) != (ssize_t)(bytes - handshake)) die("write");
}

static struct {
    int port, count, poll, waiting, stopped, is_stopped, is_ready;
    int *sockets;
    char *seen, *is_late, hello[1 << 16];
    size_t hello_bytes;
    long bytes, reads, closed, timed, late[LATE_MAX + 1];
    double on_s, fresh_max_ms;
    int fresh;
} the;

static void watch(int i) {
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)i};
    epoll_ctl(the.poll, EPOLL_CTL_ADD, the.sockets[i], &event);
}

static void join_all(int is_storm) {
    for (int i = 0; i < the.count && is_storm; i++) {
        the.sockets[i] = open_one(the.port);
        knock(the.sockets[i], the.hello, the.hello_bytes);
    }
    for (int i = 0; i < the.count; i++) {
        if (!is_storm) the.sockets[i] = open_one(the.port);
        if (the.hello_bytes && !is_storm) knock(the.sockets[i], the.hello, the.hello_bytes);
        if (the.hello_bytes) greet(the.sockets[i], the.hello, the.hello_bytes, i);
        fcntl(the.sockets[i], F_SETFL, O_NONBLOCK);
        watch(i);
    }
    the.waiting = the.hello_bytes ? the.count : 0;
    the.is_ready = 0;
    memset(the.seen, 0, (size_t)the.count);
}

static double until_somebody_listens(void) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)the.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (;; usleep(2000)) {
        double began = now_s();
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        int is_there = !connect(fd, (struct sockaddr *)&to, sizeof to);
        close(fd);
        if (is_there) return began;
    }
}

static void report(void) {
    long below = 0, p50 = -1, p99 = -1;
    for (long i = 0; i <= LATE_MAX && p99 < 0; i++) {
        below += the.late[i];
        if (p50 < 0 && below * 2 >= the.timed) p50 = i;
        if (below * 100 >= the.timed * 99) p99 = i;
    }
    printf("bytes %ld reads %ld closed %ld p50_ms %.1f p99_ms %.1f\n", the.bytes, the.reads, the.closed, p50 / 10.0,
           p99 / 10.0);
    fflush(stdout);
    the.bytes = the.reads = the.timed = 0;
    memset(the.late, 0, sizeof the.late);
}

static void obey(const char *word) {
    if (!strncmp(word, "report", 6)) report();
    if (!strncmp(word, "stop", 4)) {
        for (int i = 0; i < the.stopped; i++) epoll_ctl(the.poll, EPOLL_CTL_DEL, the.sockets[i], NULL);
        the.is_stopped = 1;
    }
    if (!strncmp(word, "on", 2)) {
        memset(the.is_late, 1, (size_t)the.stopped);
        the.on_s = now_s();
        the.fresh = 0;
        the.fresh_max_ms = 0;
        for (int i = 0; i < the.stopped; i++) watch(i);
    }
    if (!strncmp(word, "fresh", 5)) {
        printf("fresh %d max_ms %.1f\n", the.fresh, the.fresh_max_ms);
        fflush(stdout);
    }
}

/* How late the last whole moment in these bytes is, in ms; below 0: there is none. */
static double lateness_ms(const char *at, size_t left) {
    double found = -1;
    const char *mark;
    while ((mark = memmem(at, left, KEY, sizeof KEY - 1))) {
        const char *moment = mark + sizeof KEY - 1, *end = at + left;
        if (moment + 3 + sizeof(double) > end) break;
        int is_bin = moment[0] == '\xc4' || moment[0] == '\xc5';
        if (is_bin) {
            double when;
            memcpy(&when, moment + (moment[0] == '\xc4' ? 2 : 3), sizeof when);
            found = wall_ms() - when;
            if (found < 0) found = 0;
        }
        left = (size_t)(end - moment);
        at = moment;
    }
    return found;
}

static void took(int i, const char *buffer, size_t got, int is_storm) {
    the.bytes += (long)got;
    the.reads++;
    double late_ms = the.is_ready ? lateness_ms(buffer, got) : -1;
    if (late_ms >= 0 && !(the.is_stopped && i < the.stopped)) {
        the.late[late_ms * 10 > LATE_MAX ? LATE_MAX : (long)(late_ms * 10)]++;
        the.timed++;
    }
    if (i < the.stopped && the.is_late[i] && late_ms >= 0 && late_ms < FRESH_MS) {
        the.is_late[i] = 0;
        the.fresh++;
        the.fresh_max_ms = (now_s() - the.on_s) * 1e3;
    }
    /* The handshake's answer and the first frames may come in pieces: ready after the first binary frame. */
    int has_come = is_storm ? memmem(buffer, got, KEY, sizeof KEY - 1) != NULL : memchr(buffer, 0x82, got) != NULL;
    if (!the.is_ready && !the.seen[i] && has_come) {
        the.seen[i] = 1;
        the.waiting--;
    }
}

static int read_mode(int port, int count, const char *file, int stopped, int is_storm) {
    static char buffer[1 << 18];
    the.port = port, the.count = count, the.stopped = stopped;
    if (strcmp(file, "-")) {
        FILE *f = fopen(file, "rb");
        if (!f) die(file);
        the.hello_bytes = fread(the.hello, 1, sizeof the.hello, f);
        fclose(f);
    }
    the.poll = epoll_create1(0);
    the.seen = calloc(1, (size_t)count);
    the.is_late = calloc(1, (size_t)count);
    the.sockets = malloc(sizeof(int) * (size_t)count);
    join_all(is_storm);
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = UINT32_MAX};
    epoll_ctl(the.poll, EPOLL_CTL_ADD, 0, &event);
    double again_s = 0;
    for (;;) {
        if (!the.waiting && !the.is_ready) {
            the.is_ready = 1;
            if (again_s) printf("again %.3f\n", now_s() - again_s);
            printf("ready\n");
            fflush(stdout);
            the.bytes = the.reads = the.timed = 0;
            memset(the.late, 0, sizeof the.late);
        }
        struct epoll_event events[1024];
        int n = epoll_wait(the.poll, events, 1024, -1);
        for (int e = 0; e < n; e++) {
            uint32_t i = events[e].data.u32;
            if (i == UINT32_MAX) {
                char words[256];
                ssize_t got = read(0, words, sizeof words - 1);
                if (got <= 0) {
                    report();
                    return 0;
                }
                words[got] = 0;
                obey(words);
                continue;
            }
            ssize_t got = read(the.sockets[i], buffer, sizeof buffer);
            if (got > 0) {
                took((int)i, buffer, (size_t)got, is_storm);
            } else if (got == 0 || errno != EAGAIN) {
                the.closed++;
                close(the.sockets[i]);
            }
        }
        if (is_storm && the.closed == count) {
            the.closed = 0;
            again_s = until_somebody_listens();
            join_all(1);
        }
        /* Not waiting in epoll while a round is written: a wake-up for each frame would be the sender's cost on a
         * loopback, and browsers are on other machines. */
        if (the.is_ready) usleep(1000);
    }
}

int main(int argc, char **argv) {
    if (argc == 6 && !strcmp(argv[1], "send"))
        return send_mode(atoi(argv[2]), atoi(argv[3]), atoi(argv[4]), atoi(argv[5]));
    if ((argc == 6 || argc == 7) && !strcmp(argv[1], "read"))
        return read_mode(atoi(argv[2]), atoi(argv[3]), argv[4], atoi(argv[5]), argc == 7);
    fprintf(stderr, "usage: see the head of fanout_reference.c\n");
    return 2;
}
