%% Expressions for `erl -eval`, not a module: reads expressions from standard input and writes each that evaluates
%% with the hex of its encoding.
Forms = [begin {ok, Tokens, _} = erl_scan:string(Text), {ok, Form} = erl_parse:parse_form(Tokens), Form end || Text <- [
    "-module(vectors_funs).",
    "-export([plain/0, two_arguments/0, closure/2]).",
    "plain() -> fun() -> ok end.",
    "two_arguments() -> fun(A, B) -> {A, B} end.",
    "closure(A, B) -> fun(C) -> {A, B, C} end."
]],
{ok, Module, Beam} = compile:forms(Forms, [deterministic]),
{module, Module} = code:load_binary(Module, "vectors_funs.beam", Beam),

Hex = fun(Binary) -> [io_lib:format("~2.16.0b", [Byte]) || <<Byte>> <= Binary] end,

%% A run of 32 or more equal bytes is written (XX*N), which keeps the files small.
Write = fun
    Write(<<>>) -> [];
    Write(<<Byte, Rest/binary>> = Bytes) ->
        Length = (fun
            Same(<<Next, More/binary>>, N) when Next =:= Byte -> Same(More, N + 1);
            Same(_, N) -> N
        end)(Rest, 1),
        <<Run:Length/binary, After/binary>> = Bytes,
        case Length >= 32 of
            true -> [io_lib:format("(~2.16.0b*~b)", [Byte, Length]) | Write(After)];
            false -> [Hex(Run) | Write(After)]
        end
end,

Encode = fun(Source) ->
    {ok, Tokens, _} = erl_scan:string(Source ++ " ."),
    {ok, Expressions} = erl_parse:parse_exprs(Tokens),
    case erl_eval:exprs(Expressions, []) of
        {value, {raw, Bytes}, _} -> Bytes;
        {value, Value, _} -> term_to_binary(Value)
    end
end,

ok = io:setopts([{encoding, unicode}]),
io:format("% Made by record-vectors with OTP ~s, erts ~s: expression, tab, hex of its encoding; (XX*N) is a run.~n",
    [erlang:system_info(otp_release), erlang:system_info(version)]),
Loop = fun Loop() ->
    case io:get_line("") of
        eof -> ok;
        "\n" -> Loop();
        "%" ++ _ -> Loop();
        Line ->
            Source = string:trim(Line),
            try io:format("~ts\t~s~n", [Source, Write(Encode(Source))])
            catch Class:Reason -> io:format(standard_error, "  left out: ~ts (~p:~0p)~n", [Source, Class, Reason])
            end,
            Loop()
    end
end,
Loop(),
halt().
