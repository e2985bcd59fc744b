# SPDX-License-Identifier: MIT
# What the scripts here share. expect NAME CONDITION: the condition has no blanks. session.sh counts the lines.
set pagination off
set confirm off
set width 0
set breakpoint pending off
set osabi none
define expect
  if $arg1
    echo ok $arg0\n
  else
    echo FAIL $arg0: not $arg1\n
    info registers pc
  end
end
