/* The reference and the load of `fanout.py`.
 *
 *   fanout_reference send COUNT FRAME_BYTES ROUNDS INTERVAL_MS
 *       Accept COUNT sockets on a free port (printed as "port N"), then ROUNDS times write one frame to each with a
 *       bare send() loop, INTERVAL_MS apart. Prints "us_per_send X": CPU time, user and system, of the loops.
 *       A frame begins with the time at which its round began, for the reader's figures.
 *
 *   fanout_reference read PORT COUNT FILE STOPPED [storm]
 *       Open COUNT sockets to 127.0.0.1:PORT. With a FILE ("-": none), first send its bytes (a WebSocket handshake, and
 *       after its answer a subscription). Prints "ready" when each socket has got bytes (or is open, without a FILE), then reads and
 *       discards what comes, with epoll. The first STOPPED sockets are never read after "ready". Ends when standard
 *       input closes, with "bytes X reads Y closed Z p50_ms P p99_ms Q":
 *       how late frames were after the moment that stands in them. A "bench-000" in FILE becomes one of a hundred hosts.
 *       As a "storm" all handshakes are sent before the first answer is read, and a socket is ready when samples came.
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

/* In a frame the moment of its tick follows these bytes, as a little-endian float64: a MessagePack key and a bin of 8. */
#define MARK "\xa7time_ms\xc4\x08"
#define LATE_MAX 20000 /* tenths of a ms */

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

static int read_mode(int port, int count, const char *file, int stopped, int is_storm) {
    static char hello[1 << 16], buffer[1 << 16];
    size_t hello_bytes = 0;
    if (strcmp(file, "-")) {
        FILE *f = fopen(file, "rb");
        if (!f) die(file);
        hello_bytes = fread(hello, 1, sizeof hello, f);
        fclose(f);
    }
    int poll = epoll_create1(0);
    char *seen = calloc(1, (size_t)count);
    int *sockets = malloc(sizeof(int) * (size_t)count);
    int waiting = hello_bytes ? count : 0;
    struct epoll_event event;
    for (int i = 0; i < count && is_storm; i++) {
        sockets[i] = open_one(port);
        knock(sockets[i], hello, hello_bytes);
    }
    for (int i = 0; i < count; i++) {
        if (!is_storm) sockets[i] = open_one(port);
        if (hello_bytes && !is_storm) knock(sockets[i], hello, hello_bytes);
        if (hello_bytes) greet(sockets[i], hello, hello_bytes, i);
        fcntl(sockets[i], F_SETFL, O_NONBLOCK);
        event.events = EPOLLIN;
        event.data.u32 = (uint32_t)i;
        epoll_ctl(poll, EPOLL_CTL_ADD, sockets[i], &event);
    }
    event.events = EPOLLIN;
    event.data.u32 = UINT32_MAX;
    epoll_ctl(poll, EPOLL_CTL_ADD, 0, &event);
    long bytes = 0, reads = 0, closed = 0, *late = calloc(LATE_MAX + 1, sizeof(long)), timed = 0;
    int is_ready = 0;
    for (;;) {
        if (!waiting && !is_ready) {
            is_ready = 1;
            for (int i = 0; i < stopped; i++) epoll_ctl(poll, EPOLL_CTL_DEL, sockets[i], NULL);
            printf("ready\n");
            fflush(stdout);
            bytes = reads = timed = 0;
            memset(late, 0, (LATE_MAX + 1) * sizeof(long));
        }
        struct epoll_event events[1024];
        int n = epoll_wait(poll, events, 1024, -1);
        for (int e = 0; e < n; e++) {
            uint32_t i = events[e].data.u32;
            if (i == UINT32_MAX) {
                long below = 0, p50 = -1, p99 = -1;
                for (long i = 0; i <= LATE_MAX && p99 < 0; i++) {
                    below += late[i];
                    if (p50 < 0 && below * 2 >= timed) p50 = i;
                    if (below * 100 >= timed * 99) p99 = i;
                }
                printf("bytes %ld reads %ld closed %ld p50_ms %.1f p99_ms %.1f\n", bytes, reads, closed, p50 / 10.0,
                       p99 / 10.0);
                return 0;
            }
            ssize_t got = read(sockets[i], buffer, sizeof buffer);
            if (got <= 0) {
                if (got < 0 && errno == EAGAIN) continue;
                closed++;
                epoll_ctl(poll, EPOLL_CTL_DEL, sockets[i], NULL);
                continue;
            }
            bytes += got;
            reads++;
            char *mark = is_ready ? memmem(buffer, (size_t)got, MARK, sizeof MARK - 1) : NULL;
            if (mark && mark + sizeof MARK - 1 + sizeof(double) <= buffer + got) {
                double when;
                memcpy(&when, mark + sizeof MARK - 1, sizeof when);
                double tenths = (wall_ms() - when) * 10;
                late[tenths < 0 ? 0 : tenths > LATE_MAX ? LATE_MAX : (long)tenths]++;
                timed++;
            }
            /* The handshake's answer and the first frames may come in pieces: ready after the first binary frame. */
            int has_come = is_storm ? memmem(buffer, (size_t)got, MARK, sizeof MARK - 1) != NULL
                                    : memchr(buffer, 0x82, (size_t)got) != NULL;
            if (!is_ready && !seen[i] && has_come) {
                seen[i] = 1;
                waiting--;
            }
        }
        /* Not waiting in epoll while a round is written: a wake-up for each frame would be the sender's cost on a
         * loopback, and browsers are on other machines. */
        if (is_ready) usleep(1000);
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
