"""The command line of bench/run."""

import argparse
import datetime
import json
import os
import resource
import sys

from . import (build, campaign, growth, machine, network, plots, proc, report, selftest, stats,
               subjects, syscalls)
from .measure import Bench
from .scenario import ScenarioError, load_all

DEFAULT = {"rounds": 3, "seconds": 2.0, "warmup": 0.5}
QUICK = {"rounds": 3, "seconds": 0.6, "warmup": 0.2}
FORMAT = 1


def parse(arguments):
    parser = argparse.ArgumentParser(
        prog="bench/run", description="Measures Sluice beside its peers; see bench/README.md.")
    parser.add_argument("--quick", action="store_true",
                        help="a few scenarios, short rounds: under two minutes")
    parser.add_argument("--growth", action="store_true",
                        help="instead: how cost grows with connections, servers, bytes, workers")
    parser.add_argument("--scenario", action="append", metavar="NAME",
                        help="only this one (may be given more than once)")
    parser.add_argument("--rounds", type=int, metavar="N")
    parser.add_argument("--seconds", type=float, metavar="S", help="length of a measured run")
    parser.add_argument("--warmup", type=float, metavar="S", help="length of the run before it")
    parser.add_argument("--sluice", metavar="PATH", help="the proxy to measure (default: built)")
    parser.add_argument("--no-sluice", action="store_true", help="measure the peers only")
    parser.add_argument("--peers", default="nginx,haproxy,haproxy-splice,hitch", metavar="LIST")
    parser.add_argument("--nginx", default="/usr/sbin/nginx", metavar="PATH")
    parser.add_argument("--haproxy", default="/usr/sbin/haproxy", metavar="PATH")
    parser.add_argument("--hitch", default="/usr/sbin/hitch", metavar="PATH")
    parser.add_argument("--no-direct", action="store_true",
                        help="leave out the runs without any proxy")
    parser.add_argument("--no-syscalls", action="store_true",
                        help="do not count system calls (which needs perf)")
    parser.add_argument("--host-network", action="store_true",
                        help="measure on the machine's loopback, not in fresh namespaces")
    parser.add_argument("--proxy-cpus", metavar="LIST", help="default: the last processor")
    parser.add_argument("--load-cpus", metavar="LIST", help="default: all the others")
    parser.add_argument("--build", default=os.path.join(build.ROOT, "build", "release"),
                        metavar="FOLDER")
    parser.add_argument("--output", metavar="FOLDER", help="default: bench/results/DATE")
    parser.add_argument("--publish", action="store_true",
                        help="also put the tables into bench/README.md and the plots beside it")
    parser.add_argument("--list", action="store_true", help="print the scenarios and end")
    parser.add_argument("--self-test", action="store_true",
                        help="check the harness itself, in seconds, and end")
    return parser.parse_args(arguments)


def choose_scenarios(options, known):
    if options.growth:
        return growth.scenarios()
    if options.scenario:
        unknown = [name for name in options.scenario if name not in known]
        if unknown:
            raise ScenarioError(f"no scenario {', '.join(unknown)}; there are {', '.join(known)}")
        return [known[name] for name in options.scenario]
    return [scenario for scenario in known.values() if scenario.in_quick or not options.quick]


def choose_subjects(options, built):
    """The subjects that can be measured here; says which cannot."""
    programs = {"nginx": options.nginx, "haproxy": options.haproxy,
                "haproxy-splice": options.haproxy, "hitch": options.hitch}
    wanted = []
    sluice = options.sluice or built
    if sluice and not options.no_sluice:
        wanted.append(subjects.of_sluice(os.path.abspath(sluice)))
    elif not options.no_sluice:
        print("bench: no sluice program in the build; give --sluice PATH", file=sys.stderr)
    for name in filter(None, options.peers.split(",")):
        if options.growth and name not in growth.SUBJECTS:
            continue
        if name not in subjects.PEERS:
            raise ScenarioError(f"no peer {name}; there are {', '.join(subjects.PEERS)}")
        wanted.append(subjects.PEERS[name](programs[name]))
    for subject in wanted:
        if not subject.is_installed():
            print(f"bench: {subject.program} is not there, {subject.name} is left out",
                  file=sys.stderr)
    return [subject for subject in wanted if subject.is_installed()]


def processors(text):
    """A set from a list such as 0,2-3."""
    found = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return frozenset(found)


def split_processors(options):
    """(the proxy's, the load's): disjoint wherever the machine has two."""
    available = sorted(os.sched_getaffinity(0))
    proxy = processors(options.proxy_cpus) if options.proxy_cpus else frozenset(available[-1:])
    if options.load_cpus:
        return proxy, processors(options.load_cpus)
    rest = frozenset(available) - proxy
    if not rest:
        print("bench: only one processor: the load competes with the proxy", file=sys.stderr)
    return proxy, rest or proxy


def raise_descriptor_limit():
    """Programs started later inherit it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = 65536 if hard == resource.RLIM_INFINITY else min(hard, 65536)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


def bench_of(options):
    preset = QUICK if options.quick else growth.PRESET if options.growth else DEFAULT
    rounds = options.rounds or preset["rounds"]
    proxy_cpus, load_cpus = split_processors(options)
    bench = Bench(build=os.path.abspath(options.build), proxy_cpus=proxy_cpus,
                  load_cpus=load_cpus, seconds=options.seconds or preset["seconds"],
                  warmup=options.warmup or preset["warmup"],
                  has_own_network=not options.host_network and network.can_be_fresh(),
                  counts_syscalls=(not options.quick and not options.growth
                                   and not options.no_syscalls
                                   and syscalls.is_possible()),
                  puts_first=proc.may_put_first())
    return bench, rounds


def result_of(options, chosen, bench, rounds, wanted):
    """Measures everything and gives what result.json holds."""
    about = machine.describe(build.ROOT)
    measured = list(wanted) + ([] if options.no_direct or options.quick or options.growth
                              else [subjects.DIRECT])
    known = {subject.name: {"program": subject.program, "version": subject.version()}
             for subject in wanted}
    if subjects.DIRECT in measured:
        known[subjects.DIRECT] = {"program": "", "version": ""}
    peers = [subject.name for subject in wanted if subject.is_peer]
    scenarios, errors = campaign.run(chosen, measured, rounds, bench,
                                     lambda text: print(text, file=sys.stderr, flush=True))
    return {
        "format": FORMAT, "machine": about, "subjects": known, "peers": peers,
        "settings": {"rounds": rounds, "seconds": bench.seconds, "warmup": bench.warmup,
                     "proxy_cpus": sorted(bench.proxy_cpus), "load_cpus": sorted(bench.load_cpus),
                     "has_own_network": bench.has_own_network,
                     "puts_first": bench.puts_first,
                     "build": build.options(bench.build)},
        "scenarios": scenarios, "errors": errors, "summary": stats.summary(scenarios, peers),
    }


def write(result, folder, kind, drawing):
    """result.json, table.md and the plots."""
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "result.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1)
    text = kind.markdown(result)
    with open(os.path.join(folder, "table.md"), "w", encoding="utf-8") as file:
        file.write(text)
    print(text)
    for written in [path, *drawing.draw(result, folder)]:
        print(written)


def publish(result, kind, drawing, section):
    """Puts the report into its section of bench/README.md and the plots into bench/plots/."""
    bench_folder = os.path.join(build.ROOT, "bench")
    plot_folder = os.path.join(bench_folder, "plots")
    os.makedirs(plot_folder, exist_ok=True)
    drawn = [os.path.relpath(path, bench_folder) for path in drawing.draw(result, plot_folder)]
    readme = os.path.join(bench_folder, "README.md")
    with open(readme, encoding="utf-8") as file:
        text = file.read()
    with open(readme, "w", encoding="utf-8") as file:
        file.write(report.replace_section(text, section, kind.markdown(result, heading="###"),
                                         drawn))


def main(arguments):
    """0: measured; 1: a measurement failed; 2: wrong usage; 3: cannot be built."""
    options = parse(arguments)
    try:
        known = load_all()
        if options.list:
            print("\n".join(f"{s.name:14} {s.what}" for s in known.values()))
            return 0
        wants_built = not (options.sluice or options.no_sluice or options.self_test)
        built = build.ensure(options.build, wants_built)
        raise_descriptor_limit()
        if options.self_test:
            return selftest.main(os.path.abspath(options.build))
        chosen = choose_scenarios(options, known)
        bench, rounds = bench_of(options)
        wanted = choose_subjects(options, built)
    except ScenarioError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except build.BuildError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 3
    result = result_of(options, chosen, bench, rounds, wanted)
    stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    folder = options.output or os.path.join(build.ROOT, "bench", "results", stamp)
    kind, drawing, section = ((growth, growth, "growth") if options.growth
                              else (report, plots, "results"))
    write(result, folder, kind, drawing)
    if options.publish:
        publish(result, kind, drawing, section)
    return 1 if result["errors"] else 0
