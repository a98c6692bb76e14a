# Databricks notebook source
print("a day")
