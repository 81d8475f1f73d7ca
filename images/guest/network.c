/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "images/guest/guest.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <net/route.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define RESOLV_CONF "/etc/resolv.conf"

enum { LONGEST_PREFIX = 30 };

bool
guest_nic_find (char name[IFNAMSIZ])
{
    DIR *dir = opendir ("/sys/class/net");
    const struct dirent *entry;
    bool found = false;

    while (dir && !found && (entry = readdir (dir))) {
        if (entry->d_name[0] == '.' || strcmp (entry->d_name, "lo") == 0 ||
            strlen (entry->d_name) >= IFNAMSIZ)
            continue;
        strcpy (name, entry->d_name);
        found = true;
    }
    if (dir)
        closedir (dir);
    return found;
}

static bool
raise_link (int socket, const char *name)
{
    struct ifreq request = { 0 };

    strcpy (request.ifr_name, name);
    if (ioctl (socket, SIOCGIFFLAGS, &request) < 0)
        return false;
    request.ifr_flags |= IFF_UP;
    return ioctl (socket, SIOCSIFFLAGS, &request) == 0;
}

bool
guest_network_parse (const char *text, GuestNetwork *ret)
{
    char address[16], gateway[16];
    unsigned int prefix;
    int end = 0;

    if (sscanf (text, "%15[0-9.]/%2u,%15[0-9.]%n", address, &prefix, gateway, &end) != 3 ||
        text[end] || prefix < 1 || prefix > LONGEST_PREFIX ||
        inet_pton (AF_INET, address, &ret->address) != 1 ||
        inet_pton (AF_INET, gateway, &ret->gateway) != 1)
        return false;
    ret->mask = htonl (~0u << (32 - prefix));
    return true;
}

static struct sockaddr
as_socket_address (unsigned int address)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = address };
    struct sockaddr any;

    memcpy (&any, &in, sizeof any);
    return any;
}

static bool
set_address (int socket, const char *name, const GuestNetwork *network)
{
    struct ifreq request = { 0 };

    strcpy (request.ifr_name, name);
    request.ifr_addr = as_socket_address (network->address);
    if (ioctl (socket, SIOCSIFADDR, &request) < 0)
        return false;
    request.ifr_netmask = as_socket_address (network->mask);
    return ioctl (socket, SIOCSIFNETMASK, &request) == 0;
}

static bool
set_route (int socket, const GuestNetwork *network)
{
    struct rtentry route = {
        .rt_dst = as_socket_address (INADDR_ANY),
        .rt_genmask = as_socket_address (INADDR_ANY),
        .rt_gateway = as_socket_address (network->gateway),
        .rt_flags = RTF_UP | RTF_GATEWAY,
    };

    return ioctl (socket, SIOCADDRT, &route) == 0 || errno == EEXIST;
}

static bool
set_name_server (const GuestNetwork *network)
{
    char address[INET_ADDRSTRLEN];
    FILE *file = fopen (RESOLV_CONF, "we");
    bool ok;

    inet_ntop (AF_INET, &network->gateway, address, sizeof address);
    ok = file && fprintf (file, "nameserver %s\n", address) > 0;
    return file && fclose (file) == 0 && ok;
}

bool
guest_network_apply (const GuestNetwork *network)
{
    char name[IFNAMSIZ];
    int fd, code;
    bool ok;

    if (!guest_nic_find (name))
        return guest_fail (0, "there is no NIC");
    fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ok = fd >= 0 && raise_link (fd, name) && set_address (fd, name, network) &&
         set_route (fd, network);
    code = errno;
    if (fd >= 0)
        close (fd);
    if (!ok)
        return guest_fail (code, "cannot set the address of %s", name);
    return set_name_server (network) || guest_fail (errno, "cannot write " RESOLV_CONF);
}
