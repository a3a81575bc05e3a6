%% Expressions, not a module: makes random terms and writes to FILE what this node thinks of them. A line for each
%% term, of what it is, its encoding in hex and, in hex too, how it prints; then a line for each with a letter for
%% every other term, of how the two compare.
Release = list_to_integer(erlang:system_info(otp_release)),
rand:seed(exsss, {SEED, Release, 1}),
Any = fun(Choices) -> lists:nth(rand:uniform(length(Choices)), Choices) end,
Several = fun(Most, Make) -> [Make() || _ <- lists:seq(1, rand:uniform(Most + 1) - 1)] end,
Encoded = fun(Term) -> <<131, Rest/binary>> = term_to_binary(Term), Rest end,
External = fun(Parts) -> binary_to_term(iolist_to_binary([131 | Parts])) end,

Integer = fun() ->
    case rand:uniform(4) of
        1 -> rand:uniform(7) - 4;
        2 -> rand:uniform(16#10ffff);
        3 -> Any([1, -1]) * ((1 bsl (rand:uniform(130) - 1)) + rand:uniform(5) - 3);
        4 -> rand:uniform(1 bsl 64) - (1 bsl 63)
    end
end,
Random = fun Random() ->
    %% An exponent of only ones is no number.
    try <<Float/float>> = rand:bytes(8), Float catch _:_ -> Random() end
end,
Float = fun() ->
    Made = case rand:uniform(6) of
        1 -> float(rand:uniform(7) - 4);
        2 -> (rand:uniform(13) - 7) / 2;
        3 -> Any([1, -1]) * math:pow(2, rand:uniform(130) - 1);
        4 -> Random();
        5 -> rand:uniform(1000000) * math:pow(10, rand:uniform(40) - 20);
        6 -> float(Integer())
    end,
    %% OTP 25 takes these for the same.
    case Made == 0 of
        true when Release < 27 -> 0.0;
        true -> Any([0.0, -0.0]);
        false -> Made
    end
end,
Character = fun() -> Any([$a, $b, $A, $0, $@, $_, $-, $., $\s, $\n, $\t, $\e, $\\, $', $", 0, 1, 127, 128, 16#a0, $é, $ÿ,
    $÷, $ß, 1078, 16#20ac, 16#fffd, 16#1f600, rand:uniform(16#d7ff)]) end,
Atom = fun() ->
    case rand:uniform(3) of
        1 -> Any([a, b, ab, aa, 'B', '', 'if', 'end', 'Elixir.String', true, 'å', 'ж']);
        2 -> list_to_atom([Any("abcxyz") | Several(3, fun() -> Any("abcxyzABC019_@åÿß") end)]);
        3 -> list_to_atom(Several(4, Character))
    end
end,
Text = fun() ->
    case rand:uniform(3) of
        1 -> Several(3, fun() -> Any("abc") end);
        2 -> Several(6, fun() -> Any([rand:uniform(255), $a, $b, $\n, $"]) end);
        3 -> Several(6, Character)
    end
end,
Bits = fun() ->
    case rand:uniform(4) of
        1 -> list_to_binary([Byte band 255 || Byte <- Text()]);
        2 -> unicode:characters_to_binary(Text());
        3 -> list_to_binary(Several(3, fun() -> Any([0, 1, 255]) end));
        4 -> << <<(rand:uniform(4) - 1):2>> || _ <- lists:seq(1, rand:uniform(16)) >>
    end
end,
Node = fun() -> Encoded(Any(['a@b', 'b@b', 'a@10.0.0.1'])) end,
Word = fun() -> Any([0, 1, 2, 16#7fffffff, 16#80000000, 16#ffffffff]) end,
Identifier = fun() ->
    Creation = Any([1, 2, 16#ffffffff]),
    case rand:uniform(3) of
        1 -> External([88, Node(), <<(Word()):32, (Word()):32, Creation:32>>]);
        2 -> External([120, Node(), <<(Word()):64, Creation:32>>]);
        3 ->
            Words = [Word() band 16#3ffff | [Word() || _ <- lists:seq(2, Any([3, 3, 5]))]],
            External([90, <<(length(Words)):16>>, Node(), <<Creation:32>>, [<<W:32>> || W <- Words]])
    end
end,
%% As a compiler would make it: one module has one sum and check value, one index one arity.
Closure = fun(Make) ->
    Module = Any([m, n]),
    Index = rand:uniform(3) - 1,
    Free = Several(2, Make),
    Sum = erlang:md5(atom_to_list(Module)),
    Body = [<<Index, Sum/binary, Index:32, (length(Free)):32>>, Encoded(Module), Encoded(Index),
        Encoded(erlang:phash2(Module)), 88, Encoded('a@b'), <<(rand:uniform(9)):32, 0:32, 1:32>>,
        [Encoded(Term) || Term <- Free]],
    External([112, <<(iolist_size(Body) + 4):32>>, Body])
end,
NativeRecord = fun(Make) ->
    %% A field twice is refused.
    Rising = lists:ukeysort(1, [{Atom(), Make()} || _ <- Several(2, Make)]),
    Fields = Any([Rising, lists:reverse(Rising)]),
    External([67, <<(length(Fields)):32, 1>>, Encoded(Any([m, n, 'M'])), Encoded(Any([r, s])),
        [Encoded(Field) || {Field, _} <- Fields], [Encoded(Value) || {_, Value} <- Fields]])
end,
%% Lists with characters beyond Latin-1: what a shell prints of them is a setting, and not ours.
Narrow = fun(List) ->
    case io_lib:printable_unicode_list(List) andalso not io_lib:printable_latin1_list(List) of
        true -> [];
        false -> List
    end
end,
Term = fun Term(Depth, Kind) ->
    Make = fun() -> Term(Depth - 1, Kind) end,
    case {rand:uniform(if Depth =:= 0 -> 12; true -> 24 end), Kind} of
        {N, _} when N =< 3 -> Integer();
        {N, _} when N =< 5 -> Float();
        {N, _} when N =< 7 -> Atom();
        {8, _} -> Narrow(Text());
        {9, _} -> Bits();
        {10, _} -> Any([[], {}, #{}, <<>>]);
        {11, _} -> erlang:make_fun(Any([a, 'B']), Any([f, 'G h']), rand:uniform(3));
        {12, any} -> Identifier();
        {12, _} -> Integer();
        {N, _} when N =< 15 -> list_to_tuple(Several(4, Make));
        {N, _} when N =< 18 -> Narrow(Several(4, Make));
        {19, _} -> Narrow([Make() | Make()]);
        {N, _} when N =< 22 -> maps:from_list([{Make(), Make()} || _ <- lists:seq(1, rand:uniform(4))]);
        {23, any} -> Closure(Make);
        {24, any} when Release >= 29 -> NativeRecord(Make);
        %% More keys than OTP keeps in order.
        {24, _} when Release > 25, Depth =:= 3 -> maps:from_list([{Make(), Make()} || _ <- lists:seq(1, 40)]);
        _ -> {Make(), Make()}
    end
end,
Likeness = fun Likeness(Made) ->
    case Made of
        Number when is_integer(Number), abs(Number) < 1 bsl 200 -> float(Number);
        Tuple when is_tuple(Tuple) -> list_to_tuple([Likeness(Part) || Part <- tuple_to_list(Tuple)]);
        [Head | Tail] -> [Likeness(Head) | Likeness(Tail)];
        Map when is_map(Map) -> maps:map(fun(_, Value) -> Likeness(Value) end, Map);
        Other -> Other
    end
end,
Terms = lists:append([begin
    Kind = Any([plain, any]),
    Made = Term(3, Kind),
    [{Kind, Made} | case rand:uniform(4) of 1 -> [{Kind, Likeness(Made)}]; _ -> [] end]
end || _ <- lists:seq(1, COUNT)]),

Format = if Release < 26 -> "~0tp"; true -> "~0ktp" end,
Hex = fun(Binary) -> string:lowercase(binary:encode_hex(Binary)) end,
Compare = fun(Left, Right) ->
    Erlang = if Left < Right -> 0; Left == Right -> 1; true -> 2 end,
    Exact = case erts_internal:cmp_term(Left, Right) of N when N < 0 -> 0; 0 -> 1; _ -> 2 end,
    true = (Exact =:= 1) =:= (Left =:= Right),
    $a + 3 * Erlang + Exact
end,
ok = file:write_file("FILE", [
    [[atom_to_list(Kind), " ", Hex(term_to_binary(Made)), " ",
        Hex(unicode:characters_to_binary(io_lib:format(Format, [Made]))), "\n"] || {Kind, Made} <- Terms],
    [[[Compare(Left, Right) || {_, Right} <- Terms], "\n"] || {_, Left} <- Terms]
]).
