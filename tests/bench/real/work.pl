# SPDX-License-Identifier: MIT
# Words counted in a hash, regular expressions, sorting, string building. Usage: perl work.pl ROUNDS
use strict;
use warnings;
use integer;

sub work {
    my ($seed, $text, %count) = (1, '');
    for my $i (1 .. 4000) {
        $seed = ($seed * 16807) % 2147483647;
        $text .= join('', map { chr(97 + ($seed >> $_) % 5) } (2, 5, 9)) . ($i % 10 ? ' ' : "\n");
    }
    $count{$_}++ for split /\s+/, $text;
    my $vowels = () = $text =~ /[ae]+(?=[bcd])/g;
    (my $changed = $text) =~ s/(\w)(\w)(\w)/$3$2$1/g;
    my $sum = 0;
    $sum = ($sum * 31 + $_) % 1000003 for unpack('C*', $changed);
    my @order = sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count;
    return "$vowels $sum $order[0] $order[-1] " . scalar(@order);
}

my $first = work();
for (2 .. $ARGV[0]) {
    die "a round differs" if work() ne $first;
}
print "$first\n";
