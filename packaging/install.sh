#!/bin/sh
# Installs the programs of this directory, or removes them again. The table of the kernel stays as it is.
set -eu
umask 022

usage() {
    cat <<'END'
Usage: ./install.sh [OPTION]...
       ./install.sh --uninstall [--prefix DIR] [--root DIR]

  --prefix DIR   install below DIR (default /usr, where ldirectord and others look for ipvsadm)
  --root DIR     install into the system below DIR, such as the root of a container image
  --init KIND    files for systemd, sysvinit or openrc, or none (default: what the system has)
  --rules KIND   where the service finds settings and rules: debian (/etc/default/ipvsadm,
                 /etc/ipvsadm.rules) or sysconfig (/etc/sysconfig/ipvsadm, as on Fedora and openSUSE);
                 default: sysconfig if the system has that directory and is not Debian
  --uninstall    remove what this script installed; settings that were edited stay

A file that belongs to a package is never overwritten.
END
}

fail() {
    echo "install.sh: $*" >&2
    exit 1
}

prefix=/usr root='' init='' rules='' uninstall=no
while [ $# -gt 0 ]; do
    case $1 in
        --prefix | --root | --init | --rules)
            [ $# -ge 2 ] || fail "$1 needs a value; see ./install.sh --help"
            case $1 in
                --prefix) prefix=${2%/} ;;
                --root) root=${2%/} ;;
                --init) init=$2 ;;
                --rules) rules=$2 ;;
            esac
            shift
            ;;
        --uninstall) uninstall=yes ;;
        -h | --help)
            usage
            exit
            ;;
        *) fail "unknown option $1; see ./install.sh --help" ;;
    esac
    shift
done
# It becomes a part of units and scripts.
case $prefix in
    *[!A-Za-z0-9/_.+-]* | *..*) fail "--prefix $prefix: only letters, digits and / _ . + - are possible" ;;
    /*) ;;
    *) fail "--prefix $prefix: not an absolute path" ;;
esac
case $root in '' | /*) ;; *) root=$PWD/$root ;; esac
[ -d "$root/" ] || fail "--root $root: no such directory"
cd "$(dirname "$0")"

# Whether the files are for the running system.
here() { [ -z "$root" ]; }
is_there() { [ -e "$root$1" ] || [ -L "$root$1" ]; }

if [ -z "$init" ]; then
    init=none
    if is_there /sbin/openrc-run || is_there /usr/sbin/openrc-run; then
        init=openrc
    elif is_there /lib/systemd/system || is_there /usr/lib/systemd/system; then
        init=systemd
    elif is_there /etc/init.d; then
        init=sysvinit
    fi
fi
if [ -z "$rules" ]; then
    rules=debian
    if is_there /etc/sysconfig && ! is_there /etc/debian_version; then rules=sysconfig; fi
fi
case $init in systemd | sysvinit | openrc | none) ;; *) fail "--init $init: not systemd, sysvinit, openrc or none" ;; esac
case $rules in debian | sysconfig) ;; *) fail "--rules $rules: not debian or sysconfig" ;; esac

# systemd reads these two; elsewhere the directory of the administrator is the right one.
case $prefix in /usr | /usr/local) units=$prefix/lib/systemd/system ;; *) units=/etc/systemd/system ;; esac
list=$prefix/share/ipvsadm-rs/installed

# One line per file: its place here, its mode, its place in the system.
files() {
    find usr -type f | sort | while read -r file; do
        target=$prefix/${file#usr/} mode=644
        [ ! -x "$file" ] || mode=755
        case $file in
            */systemd/system/ipvsadm.service.d/*)
                [ "$init.$rules" = systemd.sysconfig ] || continue
                target=$units/${file#usr/lib/systemd/system/}
                ;;
            */systemd/system/*)
                [ "$init" = systemd ] || continue
                target=$units/${file##*/}
                ;;
        esac
        echo "$file $mode $target"
    done
    case $init in
        sysvinit) echo "init/ipvsadm.init 755 /etc/init.d/ipvsadm" ;;
        openrc)
            echo "init/ipvsadm.openrc 755 /etc/init.d/ipvsadm"
            echo "init/ipvsadm.conf.d 644 /etc/conf.d/ipvsadm"
            ;;
    esac
}

installed() { if is_there "$list"; then cat "$root$list"; fi; }

# Removes a file and the directories that it leaves empty, as far as they are ours.
remove() {
    case $1 in
        /etc/conf.d/*)
            cmp -s "$root$1" init/ipvsadm.conf.d || {
                echo "$root$1 was edited, and stays"
                return 0
            }
            ;;
    esac
    rm -f "$root$1"
    directory=${1%/*}
    while :; do
        case $directory in *ipvsadm*) rmdir "$root$directory" 2>/dev/null || return 0 ;; *) return 0 ;; esac
        directory=${directory%/*}
    done
}

reload() { if here && [ -d /run/systemd/system ]; then systemctl daemon-reload; fi; }

if [ "$uninstall" = yes ]; then
    is_there "$list" || fail "nothing is installed below $root$prefix by this script"
    for unit in "$root"/etc/systemd/system/lvsctl-*.service; do
        [ ! -e "$unit" ] || fail "$unit needs lvsctl: run lvsctl uninstall first"
    done
    if here && grep -q '^/etc/init.d/ipvsadm$' "$list"; then
        if command -v rc-update >/dev/null; then rc-update --all delete ipvsadm >/dev/null 2>&1 || true; fi
        if command -v update-rc.d >/dev/null; then update-rc.d -f ipvsadm remove >/dev/null || true; fi
    elif command -v systemctl >/dev/null; then
        # Not stopped: that would clear the table.
        systemctl ${root:+--root "$root"} --quiet disable ipvsadm.service lvsctl-metrics.service 2>/dev/null || true
    fi
    installed | while read -r file; do remove "$file"; done
    remove "$list"
    reload
    echo "Removed. The table, settings and rules stay as they are."
    exit
fi

if here; then
    usr/sbin/ipvsadm --version >/dev/null 2>&1 ||
        fail "the programs do not start here: they need an $(cat machine) machine with glibc 2.17 or later, not musl"
fi
# /sbin may be a directory of its own.
link=
if [ "$prefix" = /usr ] && [ -d "$root/sbin" ] && [ ! -L "$root/sbin" ]; then link=yes; fi
targets() {
    files | while read -r _ _ target; do echo "$target"; done
    [ -z "$link" ] || for program in usr/sbin/*; do echo "/sbin/${program##*/}"; done
}
targets | while read -r target; do
    case $target in /etc/conf.d/*) continue ;; esac
    if is_there "$target" && ! installed | grep -qxF "$target"; then
        fail "$root$target belongs to another installation. Remove that package first: the section \
\"Swapping the package\" of usr/share/doc/ipvsadm-rs/docs/migrating.md says how the table survives; or install \
with --prefix /usr/local"
    fi
done

# What an earlier version had and this one has not.
installed | while read -r file; do
    targets | grep -qxF "$file" || remove "$file"
done
mkdir -p "$root${list%/*}"
# First, so that an interrupted run can be repeated or removed.
targets >"$root$list.new"
mv "$root$list.new" "$root$list"
files | while read -r file mode target; do
    case $target in /etc/conf.d/*) ! is_there "$target" || continue ;; esac
    mkdir -p "$root${target%/*}"
    new=$root$target.new
    case $file in
        */ipvsadm-service) sed "s|^PATH=|PATH=$prefix/sbin:|" "$file" >"$new" ;;
        usr/lib/systemd/* | init/*)
            sed "s|/usr/libexec/ipvsadm-rs|$prefix/libexec/ipvsadm-rs|; s|/usr/sbin/lvsctl|$prefix/sbin/lvsctl|" "$file" >"$new"
            ;;
        *) cp "$file" "$new" ;;
    esac
    chmod "$mode" "$new"
    # Renamed, so that a program that runs goes on.
    mv "$new" "$root$target"
done
[ -z "$link" ] || for program in usr/sbin/*; do ln -sf "../$program" "$root/sbin/${program##*/}"; done
reload

echo "Installed below $root$prefix, with the files for: init $init, rules $rules."
case $init in
    systemd) echo "To restore the table at boot: systemctl enable ipvsadm" ;;
    openrc) echo "To restore the table at boot: rc-update add ipvsadm default" ;;
    sysvinit) echo "To restore the table at boot: update-rc.d ipvsadm defaults, or chkconfig --add ipvsadm" ;;
esac
[ "$prefix" = /usr ] ||
    echo "Programs that call /sbin/ipvsadm by its path do not find this one: see docs/migrating.md, Without a package."
