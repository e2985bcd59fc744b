# SPDX-License-Identifier: MIT
# A breakpoint where the instruction cannot be fetched stops before the trap: at a null pointer, in a device, on a page that
# may not be executed. So a function that gdb calls returns, though its return address is on such a stack.
break before_mmu
continue
delete
set $from=$pc
set $status=$mstatus
break *0
set $pc=0
continue
expect null $pc==0&&$priv==3
break trap_entry
continue
expect null-trap $pc==(char*)&trap_entry&&$mcause==1&&$mepc==0
delete
break *0
set $pc=0
continue
expect null-again $pc==0
stepi
expect step-into-trap $pc==(char*)&trap_entry&&$mcause==1
delete
break *0x10000000
set $pc=0x10000000
continue
expect device $pc==0x10000000
delete
set $pc=$from
set $mstatus=$status

# In a process: on a page without X; and a function whose stack is on such a page.
break enter_user
continue
delete
set $pte=(long*)&tables+(sizeof(long)==8?2*512+16:1024+16)
set $old=*$pte
set *$pte=$old&~8
break *0x10000
continue
expect no-execute $pc==0x10000&&$priv==0
maintenance packet Qqemu.PhyMemMode:1
set *$pte=$old
set $pte[1]=0x84000000>>2|0xd7
maintenance packet Qqemu.PhyMemMode:0
stepi
expect executes $pc==0x10004
delete
set $keep=$sp
set $sp=0x11f00
print ((long(*)(long))(0x10000+(long)&user_leaf-(long)&user_code))(3)
expect called $==8&&$pc==0x10004
set $sp=$keep
