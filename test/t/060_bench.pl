# script/bench takes half an hour, so what it consists of is looked at here: its scripts parse, each
# figure it offers can be measured, its arguments are checked, its plot is well-formed.

use strict;
use warnings;

use File::Temp qw(tempdir);
use FindBin;
use Test::More;

my $top = "$FindBin::Bin/../..";
my $bench = "$top/test/bench";
my $dir = tempdir(CLEANUP => 1);

sub slurp
{
	my ($path) = @_;

	open my $in, '<', $path or die "could not read \"$path\": $!\n";
	local $/;
	return scalar <$in>;
}

sub spill
{
	my ($path, $text) = @_;

	open my $out, '>', $path or die "could not write \"$path\": $!\n";
	print $out $text;
	close $out or die "could not write \"$path\": $!\n";
	return $path;
}

foreach my $script ("$top/script/bench", "$bench/run", "$bench/plot", "$bench/peers/install", glob "$bench/*.sh")
{
	is(system('bash', '-n', $script), 0, substr($script, length("$top/")) . ' parses');
}

my ($figures) = slurp("$top/script/bench") =~ /^readonly FIGURES='(.*?)'/ms;
my $parts = join '', map { slurp($_) } glob "$bench/*.sh";
my $usage = `'$top/script/bench' --help`;
foreach my $figure (split(' ', $figures), 'peers')
{
	like($parts, qr/^measure_$figure\(\)$/m, "$figure can be measured");
	like($usage, qr/^  $figure /m, "… and is explained");
}

isnt(system("'$top/script/bench' nothing >$dir/out 2>&1"), 0, 'an unknown figure is refused');
isnt(system("'$top/script/bench' --rounds 0 drain >$dir/out 2>&1"), 0, 'no rounds are refused');
like(slurp("$dir/out"), qr/--rounds needs a whole number above 0, not "0"/, '… with a reason');

# Every element that is opened is closed, in order, and nothing else has a special character.
sub is_well_formed
{
	my ($svg) = @_;
	my @open;

	while ($svg =~ /\G([^<]*)(?:<(\/?)([a-z]+)((?: [a-zA-Z]+="[^"<]*")*)(\/?)>|\z)/g)
	{
		my ($text, $is_end, $name, undef, $is_empty) = ($1, $2, $3, $4, $5);

		return 0 if $text =~ /&(?!(?:amp|lt|gt);)/ || $text =~ />/;
		return !@open if !defined $name;
		if ($is_end)
		{
			return 0 if !@open || pop(@open) ne $name;
		}
		elsif (!$is_empty)
		{
			push @open, $name;
		}
	}
	return 0;
}

my $machine = spill("$dir/machine", "2 cores & <many> GB\n");
my $numbers = spill("$dir/plot.tsv",
	"rate\ttaskly\t50000\nrate\tpeer <b> & co\t25000\nrate\ttaskly, batch => 100\t100000\n"
	  . "delay\ttaskly\t0.15\ndelay\tpeer\t15\n");
my $svg = `'$bench/plot' '$machine' '$numbers'`;

ok(is_well_formed($svg), 'the plot is well-formed') or diag $svg;
like($svg, qr/>25,000  \(0\.50\)</, 'a rate has its ratio to taskly\'s');
like($svg, qr/peer &lt;b&gt; &amp; co/, 'labels are quoted');
my ($longest) = $svg =~ /taskly, batch.*?<rect [^>]*width="([0-9.]+)"/s;
my ($half) = $svg =~ />taskly<.*?<rect [^>]*width="([0-9.]+)"/s;
cmp_ok(abs($longest - 2 * $half), '<=', 0.1, 'bars are as long as rates are high');
like($svg, qr/prefers-color-scheme: dark/, 'it is for dark ground, too');

done_testing();
