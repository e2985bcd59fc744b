# SPDX-License-Identifier: MIT
# A counting loop with arithmetic, a condition, an array and a string. Usage: bash work.bash ROUNDS
declare -a seen
for ((round = 0; round < $1; round++)); do
    sum=0 text=
    for ((i = 0; i < 5000; i++)); do
        ((sum = (sum * 31 + i) % 1000003))
        if ((sum % 7 == 0)); then
            text+=x
        fi
        seen[i % 50]=$sum
    done
    result="$sum ${#text} ${seen[49]}"
    [ "${first:=$result}" = "$result" ] || exit 1
done
echo "$first"
