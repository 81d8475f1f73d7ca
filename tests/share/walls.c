/* SPDX-License-Identifier: GPL-2.0-or-later */
/* walls WITHOUT ATTEMPT: raises genkan-scan's walls but those that WITHOUT names (comma-separated,
 * `all`, or `-`), then does what a taken-over parser would try. Exit code 0: it was refused; 1: it
 * worked; 3: the walls could not be raised. A signal: it was killed over it. */
#include "hostd/share/scan/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REFUSED, WORKED, USAGE, NO_WALLS };

/* What the attempts need from before the walls: a port to connect to, somebody to harm. */
static in_port_t port;
static pid_t victim;

static gboolean
try_open (void)
{
    return open ("/etc/passwd", O_RDONLY) >= 0;
}

static gboolean
try_list (void)
{
    return open ("/", O_RDONLY | O_DIRECTORY) >= 0;
}

static gboolean
try_create (void)
{
    char path[] = "/tmp/genkan-walls-XXXXXX";

    return mkstemp (path) >= 0 && unlink (path) == 0;
}

static gboolean
try_stat (void)
{
    struct stat st;

    return stat ("/etc/passwd", &st) == 0;
}

static gboolean
try_write_input (void)
{
    return write (0, "x", 1) == 1;
}

static gboolean
try_socket (void)
{
    return socket (AF_UNIX, SOCK_STREAM, 0) >= 0;
}

static gboolean
try_connect (void)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = port,
                              .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
    int fd = socket (AF_INET, SOCK_STREAM, 0);

    return fd >= 0 && connect (fd, (struct sockaddr *) &to, sizeof to) == 0;
}

static gboolean
try_fork (void)
{
    pid_t pid = fork ();

    if (pid == 0)
        _exit (0);
    return pid > 0 && waitpid (pid, NULL, 0) == pid;
}

static gboolean
try_execute (void)
{
    execl ("/bin/sh", "sh", "-c", "exit 1", NULL); /* 1: it worked */
    return FALSE;
}

static gboolean
try_trace (void)
{
    return ptrace (PTRACE_ATTACH, victim, NULL, NULL) == 0 &&
           waitpid (victim, NULL, __WALL) == victim;
}

static gboolean
try_kill (void)
{
    return kill (victim, SIGTERM) == 0;
}

static gboolean
try_map_code (void)
{
    return mmap (NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                 0) != MAP_FAILED;
}

static gboolean
try_make_code (void)
{
    void *page = mmap (NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return page != MAP_FAILED && mprotect (page, 4096, PROT_READ | PROT_EXEC) == 0;
}

static gboolean
try_memory (void)
{
    return mmap (NULL, (gsize) 1 << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                 0) != MAP_FAILED;
}

static gboolean
try_user_namespace (void)
{
    return syscall (SYS_unshare, 0x10000000) == 0; /* CLONE_NEWUSER */
}

static gboolean
try_descriptor_3 (void)
{
    return write (3, "x", 1) == 1;
}

/* Descriptors, memory and time of the process's own: what no wall is there to stop. */
static gboolean
try_nothing (void)
{
    g_autofree char *memory = g_malloc0 (1 << 20);

    return memory[1 << 19] == 0;
}

static const struct {
    const char *name;
    gboolean (*try) (void);
} attempts[] = {
    {"open",            try_open          },
    { "list",           try_list          },
    { "create",         try_create        },
    { "stat",           try_stat          },
    { "write-input",    try_write_input   },
    { "socket",         try_socket        },
    { "connect",        try_connect       },
    { "fork",           try_fork          },
    { "execute",        try_execute       },
    { "trace",          try_trace         },
    { "kill",           try_kill          },
    { "map-code",       try_map_code      },
    { "make-code",      try_make_code     },
    { "memory",         try_memory        },
    { "user-namespace", try_user_namespace},
    { "descriptor-3",   try_descriptor_3  },
    { "nothing",        try_nothing       },
};

static guint
read_walls (const char *text)
{
    g_auto (GStrv) names = g_strsplit (text, ",", -1);
    guint walls = g_str_equal (text, "all") ? (1U << GK_N_WALLS) - 1 : 0;

    for (guint i = 0; i < GK_N_WALLS; i++)
        if (g_strv_contains ((const char *const *) names, gk_wall_to_string (i)))
            walls |= 1U << i;
    return walls;
}

/* Something at descriptor 3, and a child that holds a listening socket until our end. */
static void
prepare (void)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
    socklen_t size = sizeof at;
    pid_t parent = getpid ();
    int null = open ("/dev/null", O_WRONLY);
    int fd = fcntl (socket (AF_INET, SOCK_STREAM, 0), F_DUPFD, 10);

    if (bind (fd, (struct sockaddr *) &at, size) < 0 || listen (fd, 1) < 0 ||
        getsockname (fd, (struct sockaddr *) &at, &size) < 0 || (victim = fork ()) < 0)
        exit (USAGE);
    if (victim == 0) {
        /* The walls would also stop a signal on the parent's death. */
        close_range (0, 2, 0);
        while (getppid () == parent)
            g_usleep (20000);
        _exit (0);
    }
    port = at.sin_port;
    dup2 (null, 3);
}

int
main (int argc, char **argv)
{
    g_autoptr (GError) error = NULL;
    guint held = 0;

    if (argc != 3)
        return USAGE;
    prepare ();
    if (!gk_sandbox_enter (FALSE, read_walls (argv[1]), &held, &error)) {
        dprintf (2, "%s\n", error->message);
        return NO_WALLS;
    }
    for (gsize i = 0; i < G_N_ELEMENTS (attempts); i++)
        if (g_str_equal (attempts[i].name, argv[2]))
            _exit (attempts[i].try () ? WORKED : REFUSED);
    return USAGE;
}
