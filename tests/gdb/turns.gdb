# SPDX-License-Identifier: MIT
# Two harts that come to one breakpoint stop equally often, and a hart that comes to it all the time does not hold up
# another.
break leaf
python
def stops(count):
    threads = [0, 0]
    for _ in range(count):
        gdb.execute("continue", to_string=True)
        threads[gdb.selected_thread().num - 1] += 1
    return threads
first, second = stops(100)
print("stops of hart 0:", first, "of hart 1:", second)
gdb.set_convenience_variable("first", first)
gdb.execute("thread 1")
gdb.execute("set var *(int*)&elsewhere=1")
stops(4)
before = int(gdb.parse_and_eval("((long*)&turns)[1]"))
first, second = stops(50)
turns = int(gdb.parse_and_eval("((long*)&turns)[1]")) - before
print("turns of hart 1 in", first, "stops of hart 0:", turns)
gdb.set_convenience_variable("alone", first)
gdb.set_convenience_variable("turns", turns)
end
expect turns-alike $first>=35&&$first<=65
expect one-hart-stops $alone==50
expect other-goes-on $turns>=50
delete
set var *(int*)&done=1
